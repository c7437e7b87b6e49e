"""XLSX workbooks as rows of text, each cell as a spreadsheet shows it. No network, no formulas."""
