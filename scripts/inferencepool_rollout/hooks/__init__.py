"""URLs and programs that a plan names: what they are sent, how it is signed, and what their answer means."""
