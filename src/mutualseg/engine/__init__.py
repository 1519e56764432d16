"""How a run goes: from resolved settings through the trainer's steps to a finished run folder."""
