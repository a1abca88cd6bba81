"""Candidate blocks, the JSNet skeleton and the spaces built of them."""
