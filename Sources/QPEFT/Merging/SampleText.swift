/// A page of plain English, written for qpeft: what two models are compared on where no other text is named.
enum SampleText {
  static let text = """
    The mill stood where the river bends, and for most of the year it had nothing to do. In spring the water came down brown and
    fast from the hills, the great wheel turned day and night, and carts waited in the lane as far as the church. By August the
    river was a string of pools. Then the miller mended his sacks, counted what he was owed, and taught his daughter arithmetic.

    "If a cart holds fourteen sacks," he would say, "and nine carts come on Monday and six on Thursday, how many sacks is that?"
    She thought for a moment. "Two hundred and ten." "And if one sack in thirty is spoiled by damp?" "Seven," she said, "and you
    will tell them that it was five."

    Questions of this kind are easy because every step is small. Hard questions are long chains of easy ones, and what makes them
    hard is that a single careless link spoils the whole. A good habit is to write the steps down, to check the result by another
    way, and to ask whether the answer is of a sensible size. Two hundred sacks fill a barn; two hundred thousand would fill the
    valley.

    Dear Ms Okafor, thank you for your letter of 12 March. The meeting has been moved to Tuesday, 4 May, at 9:30 in room 2.14,
    because the larger hall is being painted. Please bring the plans for the bridge, the list of suppliers, and last year's
    accounts. If you travel by train, leave the station by the north exit and follow the canal for about ten minutes.

    To make the soup, cut two onions, three carrots and a stick of celery into small pieces, and let them grow soft in a little oil
    over a low fire. Add a litre of water, a handful of red lentils, salt and a bay leaf. After half an hour taste it, and add
    lemon or pepper as you like. It is better on the second day.

    for index in range(len(values)):
        total = total + values[index]
    print("mean:", total / len(values))

    Water expands when it freezes, which is unusual: most substances shrink as they cool. Ice therefore floats, lakes freeze from
    the top, and fish survive the winter below. The same force breaks stones. A crack fills with rain in the evening, the frost
    of the night widens it by a hair, and after a hundred winters the rock lies in two pieces.
    """
}
