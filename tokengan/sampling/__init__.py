"""One engine for every generator: writing, and roll-outs of prefixes."""
