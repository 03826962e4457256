"""Two kinds from another distribution: what tests and benchmarks install beside the node's own."""
