"""What the manual contains beside its written pages: files of the repository and tables made from the code."""
