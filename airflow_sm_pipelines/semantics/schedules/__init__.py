"""The schedules of EventBridge: what ``at(…)``, ``rate(…)`` and ``cron(…)`` mean, and when they run."""
