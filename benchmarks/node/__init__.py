"""What composing costs the node, and what it adds to the delay, against forwarding."""
