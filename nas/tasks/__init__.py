"""What is being restored, and how success is measured.

Read first: ``nas/tasks/task.py``; ``nas/tasks/catalogue.py`` holds the built-in tasks. Nothing in here imports torch.
"""

from nas.tasks.protocol import Protocol
from nas.tasks.protocols import protocols_for, with_protocol
from nas.tasks.task import Task, get_task

__all__ = ["Protocol", "Task", "get_task", "protocols_for", "with_protocol"]
