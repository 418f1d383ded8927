"""The paper's next checks, one file each.

What does the generator learn alone? Does the mask follow its image? Does it stay in the tile, or
the half, that the prompt names?
"""
