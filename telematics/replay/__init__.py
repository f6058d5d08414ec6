"""Files and dumps through the same engines that run live."""
