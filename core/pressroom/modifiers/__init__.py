"""Changing documents by instructions in words: the built-in modifier, and what it does to HTML.

``plain`` turns an instruction into edits and page options; ``editing`` makes edits on a page. The
latter runs where templates run and therefore imports no models. All of it is pure.
"""
