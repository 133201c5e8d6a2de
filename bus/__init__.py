"""Where it travels: topics, payload codecs, and the MQTT client."""
