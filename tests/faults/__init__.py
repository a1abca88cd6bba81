"""Faults on purpose: what the platform does when it is interrupted at any moment.

``make faults`` tries hundreds of times and prints how many tries were survived; ``test_interruptions.py`` is the short
form that runs with the other tests.
"""
