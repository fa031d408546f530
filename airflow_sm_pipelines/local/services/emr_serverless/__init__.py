"""Amazon EMR Serverless: applications, and job runs, which a Spark that is installed here runs."""
