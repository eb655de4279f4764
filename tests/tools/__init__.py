"""Programs that try the tasks: stopped anywhere, fed with damaged files, timed."""
