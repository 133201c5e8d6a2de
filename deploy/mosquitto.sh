#!/bin/sh
# Starts the broker in its container with the account `platform`. An account for an edge box is added with
#   docker compose exec -u mosquitto broker mosquitto_passwd -b /mosquitto/data/passwords NAME PASSWORD
#   docker compose kill -s HUP broker
set -eu
umask 077
passwords=/mosquitto/data/passwords
touch "$passwords"
mosquitto_passwd -b "$passwords" platform "$MQTT_PASSWORD"
# Started by root, it becomes its own user and has to read the file as that.
[ "$(id -u)" != 0 ] || chown mosquitto: "$passwords"
exec mosquitto -c /mosquitto/config/mosquitto.conf
