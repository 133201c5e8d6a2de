"""What the pages of dead letters say, in both languages."""

from schema.text import Text

SEARCH = Text("查找", "Search")
WORDS = Text("主题或说明中的文字", "Words in topic or detail")
ANY_REASON = Text("全部原因", "Any reason")
ANY_SITE = Text("全部院区", "Any compound")
SITE = Text("院区", "Compound")
FROM = Text("收到自", "Received from")
TO = Text("至", "To")
CLEAR = Text("清除条件", "Clear")
FOUND = Text("找到 {count} 条", "{count} found")
NONE_FOUND = Text(
    "没有符合条件的死信。放宽条件，或清除后查看全部。",
    "No dead letter matches. Widen the search, or clear it to see all.",
)
BAD_TIME = Text("时间写法有误，已忽略该条件。", "That is no time; the condition is left out.")
OLDER = Text("更早的", "Older")
KEPT_NOW = Text("现存，按原因", "On the shelf, by reason")

REPLAY_ALL = Text("全部重新接收（{count}）", "Take all in again ({count})")
REPLAY_SOME = Text("重新接收最新 {count} 条", "Take the newest {count} in again")
DISCARD_ALL = Text("全部丢弃（{count}）", "Discard all ({count})")
DISCARD_SOME = Text("丢弃最新 {count} 条", "Discard the newest {count}")
REPLAY_ONE = Text("重新接收", "Take in again")
DISCARD_ONE = Text("丢弃", "Discard")
SURE = Text("丢弃 {count} 条后无法恢复。", "{count} discarded letters cannot be brought back.")
DISCARD_NOW = Text("确定丢弃", "Discard for good")
KEEP = Text("保留", "Keep")
DISCARDED = Text("已丢弃 {count} 条。", "{count} discarded.")
WAITING = Text("{count} 条等待接入服务处理……", "{count} wait for ingest…")
STILL_WAITING = Text(
    "{count} 条仍在等待：接入服务未运行，或其存储暂不可用；恢复后会自动处理。",
    "{count} still wait: ingest is not running, or its store is away; it will take them when it is back.",
)
TAKEN_IN = Text("{count} 条已接收", "{count} taken in")
REFUSED_AGAIN = Text("{count} 条再次被拒，原因已更新", "{count} refused again, their reason is the newest")
CUT_OFF = Text(
    "{count} 条无法重试：只保留了开头，或已不在", "{count} cannot be: only their beginning was kept, or they are gone"
)

BACK = Text("返回死信列表", "Back to dead letters")
NO_SUCH_LETTER = Text(
    "这条死信已不在：已被接收、丢弃或挤出。",
    "This letter is no longer here: taken in, discarded, or made room for others.",
)
LETTER = Text("死信 {number}", "Dead letter {number}")
MEANING = Text("含义", "What it means")
PAYLOAD = Text("内容", "Payload")
AS_JSON = Text("JSON，已排版", "JSON, set out")
AS_CBOR = Text("CBOR，已译为 JSON", "CBOR, put as JSON")
AS_TEXT = Text("文本", "Text")
AS_BYTES = Text("二进制，十六进制显示", "Binary, in hexadecimal")
EMPTY_PAYLOAD = Text("消息没有内容。", "The message was empty.")
ONLY_BEGINNING = Text(
    "共 {size} 字节，只保留了前 {kept} 字节，因此无法重新接收。",
    "Of {size} bytes only the first {kept} were kept, so it cannot be taken in again.",
)
TRIED = Text("已重试 {count} 次", "tried again {count} times")
ASKED = Text("等待处理", "waits for ingest")
OTHERS_LIKE_IT = Text("同一设备的死信", "Others of this device")
REASON = Text("原因", "Reason")
TOPIC = Text("主题", "Topic")
RECEIVED = Text("收到", "Received")
DETAIL = Text("说明", "Detail")
SIZE = Text("大小", "Size")
NO_LETTERS = Text("没有死信：收到的每条消息都被接受了。", "No dead letters: every message received was accepted.")
LETTERS_HINT = Text(
    "未被接受的消息原样存放在此，附原因；其余消息照常处理。",
    "Messages that could not be accepted are kept here with the reason; all others went on.",
)
