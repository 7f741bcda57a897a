print("qpeft")
