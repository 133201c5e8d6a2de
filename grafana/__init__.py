"""Grafana as code: dashboards that follow from the device kinds, and their provisioning."""
