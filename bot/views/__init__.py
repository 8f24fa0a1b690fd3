"""Data in, Block Kit out: one file per thing that a person sees. No I/O."""
