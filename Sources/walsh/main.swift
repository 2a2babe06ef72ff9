print("walsh")
