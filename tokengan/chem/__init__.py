"""Molecules: SMILES to scores, the MOSES metrics, pictures. Needs the extra `chem` (RDKit); imported only when used."""
