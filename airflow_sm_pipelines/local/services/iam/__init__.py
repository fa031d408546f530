"""IAM's policy simulation; moto answers for the rest of IAM."""
