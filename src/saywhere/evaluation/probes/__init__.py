"""The paper's next checks, one file each.

What does the generator learn alone? Does the mask follow its image, and the prompt its tile or half?
"""
