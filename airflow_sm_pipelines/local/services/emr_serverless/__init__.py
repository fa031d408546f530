"""Amazon EMR Serverless: applications, and job runs that are rehearsed, or run by a Spark that is installed here."""
