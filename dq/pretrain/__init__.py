"""Before training: do the splits tell the truth about each other, and can the model learn from them what is meant?"""
