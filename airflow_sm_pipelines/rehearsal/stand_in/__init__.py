"""The local AWS's stand-in for a rehearsal: outcomes, synthetic outputs, notes of refusals."""
