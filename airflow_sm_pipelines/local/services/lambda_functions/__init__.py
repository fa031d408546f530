"""Lambda: functions whose handlers run as processes of this machine."""
