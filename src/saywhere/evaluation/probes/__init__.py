"""The paper's next checks: what does the generator learn alone, and does the mask follow its image?"""
