"""The agent at the devices: drivers, an outbox that forgets nothing, gates, replay, a compound to practise on."""
