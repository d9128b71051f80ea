# SPDX-License-Identifier: Apache-2.0
"""Which files of a room use which, and how many of these uses keep the files from having an order.

An arrow leads from a source file to another one of its room that defines a function or an object which the first one
names. Many names are one arrow. What an inline function or a macro of a header of the room names counts for the files
that name it: it is compiled there. A header alone is no end of an arrow, since it defines nothing.

Where arrows form a circle, each order of the files, from low to high, has an arrow upward. The arrows *upward* of a room
are those of the order with the fewest: that many have to be turned before each file uses lower ones only. (They are a
minimum feedback arc set.) The number is exact unless more than SETS_MAX sets of files would have to be looked at; then it
is that of the best order found, by the heuristic of Eades, Lin and Smyth (1993) and moves of single files.
"""
import house_source as source

SETS_MAX = 20000


def arrows_of(files):
    """The arrows between the files of a room: {(user, definer): names}."""
    home, bodies, arrows = {}, {}, {}
    for file in files:
        if file.is_header:
            bodies.update(file.bodies())
        else:
            for name in file.symbols():
                home.setdefault(name, file.name)
    for file in files:
        if file.is_header:
            continue
        names, new = set(), source.names_in(file.plain)
        while new:
            names |= new
            new = set().union(*(bodies.get(name, ()) for name in new)) - names
        for name in names - file.symbols() - file.functions.keys():
            if name in home:
                arrows.setdefault((file.name, home[name]), set()).add(name)
    return arrows


class Order:
    """The order of the files of one room with the fewest arrows upward. Sets of files are the bits of a number."""

    def __init__(self, arrows):
        self.files = sorted({file for arrow in arrows for file in arrow})
        number = {file: i for i, file in enumerate(self.files)}
        self.uses = [0] * len(self.files)
        self.used_by = [0] * len(self.files)
        for user, definer in arrows:
            self.uses[number[user]] |= 1 << number[definer]
            self.used_by[number[definer]] |= 1 << number[user]
        self.known = {}
        self.is_exact = True
        order = [number for number, _ in self.solve((1 << len(self.files)) - 1)]
        place = {self.files[number]: at for at, number in enumerate(order)}
        self.low_to_high = [self.files[number] for number in order]
        self.upward = sorted(arrow for arrow in arrows if place[arrow[0]] < place[arrow[1]])

    def reach(self, start, files, arcs):
        """The files of a set that can be reached from one of it."""
        seen, new = 0, 1 << start
        while new:
            seen |= new
            found = 0
            for file in members(new):
                found |= arcs[file]
            new = found & files & ~seen
        return seen

    def components(self, files):
        """The parts of a set in which each file uses each other one, if through others: those that use least first."""
        parts = []
        while files:
            # Of a file that reaches the fewest others, all that it reaches uses it too.
            part = min((self.reach(file, files, self.uses) for file in members(files)), key=lambda part: (bin(part).count("1"), part))
            parts.append(part)
            files &= ~part
        return parts

    def solve(self, files):
        """A best order of a set of files: [(file, how many files above it uses)]."""
        order = []
        for part in self.components(files):
            order += self.solve_circle(part) if part & (part - 1) else [(part.bit_length() - 1, 0)]
        return order

    def solve_circle(self, part):
        """The same for one component: each of its files is tried as the lowest, unless that cannot be better."""
        if part in self.known:
            return self.known[part]
        if len(self.known) >= SETS_MAX:
            self.is_exact = False
            return self.guess(part)
        best = self.guess(part)
        for lowest in members(part):
            cost = bin(self.uses[lowest] & part).count("1")
            others = part & ~(1 << lowest)
            if cost + self.at_least(others) >= cost_of(best):
                continue
            rest = self.solve(others)
            if cost + cost_of(rest) < cost_of(best):
                best = [(lowest, cost)] + rest
        self.known[part] = best
        return best

    def at_least(self, files):
        """How many arrows upward each order of a set has at least: its circles of two and three files without an arrow in common."""
        uses = {file: self.uses[file] & files for file in members(files)}
        count = 0
        for file in members(files):
            for other in members(uses[file] & self.used_by[file]):
                if uses[other] >> file & 1:
                    count += 1
                    uses[file] &= ~(1 << other)
                    uses[other] &= ~(1 << file)
        for file in members(files):
            for second in members(uses[file]):
                third = next((third for third in members(uses[second]) if uses[third] >> file & 1), None)
                if third is not None:
                    count += 1
                    uses[file] &= ~(1 << second)
                    uses[second] &= ~(1 << third)
                    uses[third] &= ~(1 << file)
        return count

    def guess(self, part):
        """A good order of a component: what uses nothing is low, what nothing uses is high, and else the file comes next that
        is used most and uses least."""
        low, high, left = [], [], part
        while left:
            least = [file for file in members(left) if not self.uses[file] & left]
            most = [file for file in members(left) if not self.used_by[file] & left]
            if least:
                low.append(least[0])
                left &= ~(1 << least[0])
            elif most:
                high.append(most[0])
                left &= ~(1 << most[0])
            else:
                file = max(members(left), key=lambda file: bin(self.used_by[file] & left).count("1") - bin(self.uses[file] & left).count("1"))
                low.append(file)
                left &= ~(1 << file)
        order = low + high[::-1]
        while self.move_one(order):
            pass
        above, result = part, []
        for file in order:
            above &= ~(1 << file)
            result.append((file, bin(self.uses[file] & above).count("1")))
        return result

    def move_one(self, order):
        """Moves one file to where it takes arrows upward away; whether there was one."""
        for at, file in enumerate(order):
            for step in (-1, 1):
                gain, to = 0, at + step
                while 0 <= to < len(order):
                    passed = order[to]
                    change = (self.uses[file] >> passed & 1) - (self.uses[passed] >> file & 1)
                    gain += change * step
                    if gain > 0:
                        order.insert(to, order.pop(at))
                        return True
                    to += step
        return False


def members(files):
    while files:
        low = files & -files
        yield low.bit_length() - 1
        files ^= low


def cost_of(order):
    return sum(cost for _, cost in order)
