"""What a release is made of: packaged and signed charts, and a bill of materials of each."""
