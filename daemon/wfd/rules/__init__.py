"""Pure thought: values in, values out. No IO, no clock, no dice of its own."""
