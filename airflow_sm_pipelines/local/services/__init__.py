"""The services that are our own; moto answers for all others."""
