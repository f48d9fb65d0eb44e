"""Moving pictures: the value, its frames, files, and what can be done to it. FFmpeg does the coding, through PyAV."""
