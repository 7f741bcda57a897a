"""Makes train.jsonl and heldout.jsonl: plain English requests to a home assistant and the one-line JSON command they mean.

Run: python Docs/Examples/requests/make_requests.py        (Python 3.9 or later, nothing else; same output every time)
"""

import json
import random
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRAIN_ROWS, HELDOUT_ROWS = 600, 100
SYSTEM = "Turn the request into a JSON command."

ROOMS = ["kitchen", "bedroom", "bathroom", "living room", "hallway", "office", "garage", "cellar", "nursery", "attic"]
PEOPLE = ["Anna", "Tom", "Maria", "Paul", "Lena", "Omar", "Grace", "Felix", "Nora", "Ivan", "Mei", "Carlos", "Ruth", "Sam",
          "Julia", "Peter", "Aisha", "Leo", "Clara", "David", "my mother", "my brother", "the dentist", "the office"]
SURNAMES = ["Berg", "Costa", "Dunn", "Falk", "Hale", "Ito", "Klein", "Lund", "Moreno", "Novak", "Quinn", "Rossi", "Stone", "West"]
FIRST = ["Ella", "Miles", "Nina", "Otis", "Ray", "Stella", "Vera", "Walter", "Yara", "Hugo", "Ines", "Jonas"]
CITIES = ["Lisbon", "Oslo", "Madrid", "Cairo", "Boston", "Kyoto", "Prague", "Dublin", "Lima", "Turin", "Zurich", "Ghent", "Perth",
          "Austin", "Lyon", "Porto", "Krakow", "Bergen", "Dresden", "Leeds"]
DAYS = ["today", "tomorrow", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
ITEMS = ["milk", "bread", "two lemons", "olive oil", "rice", "batteries", "soap", "coffee", "six eggs", "honey", "a new lamp",
         "light bulbs", "tea", "paper towels", "tomatoes", "butter", "cat food", "apples", "flour", "salt", "onions", "nails"]
LISTS = ["shopping", "packing", "birthday", "party", "hardware"]
TASKS = ["water the plants", "pay the rent", "call the bank", "feed the cat", "buy stamps", "return the books", "wash the car",
         "book a table", "take out the trash", "clean the oven", "pick up the keys", "charge the camera", "renew the passport",
         "walk the dog", "check the oil", "fix the fence"]
MESSAGES = ["I am late", "dinner is ready", "the train is delayed", "we meet at noon", "the cake is in the oven", "I found the keys",
            "the car is repaired", "we are on the way", "the meeting is over", "the flowers are lovely", "it is raining here",
            "I will be there soon", "the door is open", "the game starts at eight"]


def day_phrase(random_, day):
    if day in ("today", "tomorrow"):
        return day
    return random_.choice(["on ", "on ", "next "]) + day.capitalize()


def timer(r):
    minutes = r.choice(list(range(1, 60)) + [10, 15, 20, 25, 30, 45])
    unit = "minute" if minutes == 1 else "minutes"
    text = r.choice(["set a timer for {n} {u}", "start a {n} minute timer", "timer for {n} {u}", "wake me in {n} {u}",
                     "count down {n} {u}", "let me know when {n} {u} are over", "I need a timer, {n} {u}"])
    return text.format(n=minutes, u=unit), {"action": "timer", "minutes": minutes}


def alarm(r):
    hour, minute = r.randrange(24), r.choice([0, 5, 10, 15, 20, 30, 40, 45, 50, 55])
    said = f"{hour}:{minute:02d}"
    text = r.choice(["set an alarm for {t}", "wake me up at {t}", "I have to get up at {t}", "alarm at {t}",
                     "ring at {t}", "make sure I am awake by {t}"])
    return text.format(t=said), {"action": "alarm", "time": f"{hour:02d}:{minute:02d}"}


def light(r):
    room, state = r.choice(ROOMS), r.choice(["on", "off"])
    texts = ["turn {s} the light in the {r}", "switch the {r} light {s}", "lights {s} in the {r}", "{r} light {s}"]
    texts += ["it is too dark in the {r}", "I can't see anything in the {r}"] if state == "on" else \
             ["it is too bright in the {r}", "nobody needs light in the {r}"]
    return r.choice(texts).format(s=state, r=room), {"action": "light", "room": room, "state": state}


def heating(r):
    room, degrees = r.choice(ROOMS), r.randrange(15, 27)
    text = r.choice(["heat the {r} to {d} degrees", "set the {r} to {d} degrees", "I want {d} degrees in the {r}",
                     "make it {d} degrees in the {r}", "warm up the {r} to {d}", "the {r} should be at {d} degrees"])
    return text.format(r=room, d=degrees), {"action": "heating", "room": room, "degrees": degrees}


def play(r):
    artist = r.choice(FIRST) + " " + r.choice(SURNAMES)
    text = r.choice(["play something by {a}", "put on some {a}", "I want to hear {a}", "play the new album by {a}",
                     "music by {a}", "can we listen to {a}"])
    return text.format(a=artist), {"action": "play", "artist": artist}


def call(r):
    person = r.choice(PEOPLE)
    if not person.startswith(("my", "the")) and r.random() < 0.5:
        person += " " + r.choice(SURNAMES)
    text = r.choice(["call {p}", "ring {p}", "get {p} on the phone", "I need to talk to {p}", "phone {p}",
                     "start a call with {p}"])
    return text.format(p=person), {"action": "call", "person": person.removeprefix("my ").removeprefix("the ")}


def add(r):
    item, name = r.choice(ITEMS), r.choice(LISTS)
    text = r.choice(["add {i} to the {l} list", "put {i} on the {l} list", "{i} on the {l} list", "we need {i}, {l} list",
                     "don't let me forget {i}, put it on the {l} list", "the {l} list needs {i}"])
    return text.format(i=item, l=name), {"action": "add", "list": name, "item": item}


def weather(r):
    city, day = r.choice(CITIES), r.choice(DAYS)
    text = r.choice(["what is the weather in {c} {d}", "will it rain in {c} {d}", "weather for {c} {d}",
                     "how warm is it in {c} {d}", "do I need a coat in {c} {d}", "forecast for {c} {d}"])
    return text.format(c=city, d=day_phrase(r, day)), {"action": "weather", "city": city, "day": day}


def remind(r):
    task, day = r.choice(TASKS), r.choice(DAYS)
    text = r.choice(["remind me to {t} {d}", "I must not forget to {t} {d}", "{d} I have to {t}", "reminder {d}: {t}",
                     "make a note that I have to {t} {d}", "tell me to {t} {d}"])
    return text.format(t=task, d=day_phrase(r, day)), {"action": "remind", "day": day, "task": task}


def message(r):
    person, words = r.choice(PEOPLE[:20]), r.choice(MESSAGES)
    text = r.choice(["tell {p}: {m}", "text {p} that {m}", "send {p} a message: {m}", "write to {p} that {m}",
                     "let {p} know that {m}", "message for {p}: {m}"])
    return text.format(p=person, m=words), {"action": "message", "to": person, "text": words}


ACTIONS = [timer, alarm, light, heating, play, call, add, weather, remind, message]


def polish(r, text):
    """Ways people begin and end a request."""
    form = r.random()
    if form < 0.15:
        text = "please " + text
    elif form < 0.25:
        text = text + ", please"
    elif form < 0.32:
        text = "hey, " + text
    if r.random() < 0.7 and not text.startswith("I "):
        text = text[0].upper() + text[1:]
    return text + r.choice(["", ".", "."])


def row(text, command):
    answer = json.dumps(command, separators=(",", ":"))
    return {"messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text},
                         {"role": "assistant", "content": answer}]}


def main():
    r = random.Random(20261123)
    seen, rows = set(), []
    while len(rows) < TRAIN_ROWS + HELDOUT_ROWS:
        plain, command = ACTIONS[len(rows) % len(ACTIONS)](r)
        key = plain.lower()  # before politeness: a held-out request never differs by "please" alone
        if key not in seen:
            seen.add(key)
            rows.append(row(polish(r, plain), command))
    heldout, train = rows[:HELDOUT_ROWS], rows[HELDOUT_ROWS:]
    r.shuffle(train)
    for name, part in [("heldout.jsonl", heldout), ("train.jsonl", train)]:
        (HERE / name).write_text("".join(json.dumps(item) + "\n" for item in part))


if __name__ == "__main__":
    main()
