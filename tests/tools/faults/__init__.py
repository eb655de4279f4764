"""Nothing is lost, whatever happens: releases that are stopped, starved, refused or run twice."""
