"""What the local AWS does in a rehearsal instead of running jobs: outcomes, synthetic outputs, notes of refusals."""
