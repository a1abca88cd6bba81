"""Tables, figures, cell drawings, visual comparisons and the HTML report, all made from evaluation rows.

Rows come in as arguments: nothing here measures or looks for results on its own.
"""
