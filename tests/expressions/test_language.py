"""CEL as its specification has it: each line is an expression that must be true, or one that must have no value."""

from __future__ import annotations

import pytest

from mlops_gitops.expressions.evaluation import evaluate
from mlops_gitops.expressions.faults import Faulty, place
from mlops_gitops.expressions.parsing import parse
from mlops_gitops.expressions.times import parse_timestamp

SCOPE = {
    "now": parse_timestamp("2026-11-21T12:00:00Z"),
    "one": {"name": "x", "size": 3, "none": None, "metrics": (0.5, 0.75)},
    "several": (1, 2, 3),
}

TRUE = r"""
1 + 2 * 3 == 7
(1 + 2) * 3 == 9
-7 / 2 == -3 && -7 % 2 == -1 && 7 % -2 == 1
1 == 1.0 && 1u == 1 && 1 < 1.5 && 2u > 1.5
1 != '1' && true != 1 && null == null && null != false
0x1F == 31 && 1e3 == 1000.0 && .5 == 0.5
-9223372036854775808 < 9223372036854775807
18446744073709551615u > 9223372036854775807
9007199254740993 != 9007199254740992.0
0.0 / 0.0 != 0.0 / 0.0
1.0 / 0.0 > 1.7e308 && -1.0 / 0.0 < -1.7e308
'a' + 'b' == "ab" && '''a'b''' == "a'b"
'\x41\u00e9\101' == 'Aé' + 'A'
r'\n'.size() == 2 && '\n'.size() == 1
b'é' == b'\303\251' && b'a' + b'b' == b'ab'
'é😀'.size() == 2 && size(b'é') == 2 && size([1, 2]) == 2 && size({'a': 1}) == 1
'abc'.contains('b') && 'abc'.startsWith('ab') && 'abc'.endsWith('bc') && !'abc'.contains('d')
'release-1.2.3'.matches('^release-[0-9]+[.][0-9]+') && !'x'.matches('^$')
'a' < 'b' && 'a' < 'aa' && 'Z' < 'a' && false < true && b'a' < b'b'
[1, 2] + [3] == [1, 2, 3] && [1, [2.0]] == [1.0, [2]] && [1] != [1, 2]
1 in [1, 2] && 1.0 in [1] && !('1' in [1]) && 'a' in {'a': 1} && !('b' in {'a': 1})
{'a': 1, 'b': 2} == {'b': 2.0, 'a': 1u} && {'a': 1} != {'a': 2}
{1: 'one', true: 'yes'}[true] == 'yes' && {1: 'one', true: 'yes'}[1.0] == 'one'
[1, 2, 3][1] == 2 && {'a': {'b': [7]}}.a.b[0] == 7
has(one.name) && !has(one.missing) && has(one.none)
true || 1 / 0 == 1
1 / 0 == 1 || true
!(false && 1 / 0 == 1) && !(1 / 0 == 1 && false)
true ? 1 == 1 : 1 / 0 == 1
several.all(e, e > 0) && several.exists(e, e == 2) && several.exists_one(e, e > 2)
![1, 1].exists_one(e, e == 1) && [].all(e, false) && ![].exists(e, true)
several.filter(e, e > 1) == [2, 3] && several.map(e, e * 2) == [2, 4, 6] && several.map(e, e > 1, e * 2) == [4, 6]
{'a': 1, 'b': 2}.all(k, k in ['a', 'b']) && {'a': 1}.map(k, k) == ['a']
[0, 1].exists(e, 1 / e == 1) && ![0, 1].all(e, 1 / e == 2)
several.map(e, several.map(e, e)).size() == 3
int('12') + int(1.9) + int(2u) == 15 && uint(3) == 3u && double('1.5') + double(1) == 2.5
string(1) + string(1.5) + string(true) + string(b'x') + string(2u) == '11.5truex2'
string(1.0) == '1' && string(1e21) == '1e+21'
bool('true') && !bool('0')
int(timestamp('1970-01-01T00:01:00Z')) == 60 && timestamp(60) == timestamp('1970-01-01T00:01:00Z')
timestamp('2026-11-21T13:00:00+01:00') == now && string(now) == '2026-11-21T12:00:00Z'
now + duration('24h') == timestamp('2026-11-22T12:00:00Z') && now - duration('1h30m') < now
now - timestamp('2026-11-20T12:00:00Z') == duration('1d'.size() == 2 ? '24h' : '0')
duration('90m') == duration('1.5h') && string(duration('90m')) == '5400s' && string(duration('-1.5s')) == '-1.5s'
now.getFullYear() == 2026 && now.getMonth() == 10 && now.getDate() == 21 && now.getDayOfMonth() == 20
now.getDayOfWeek() == 6 && now.getDayOfYear() == 324 && now.getHours() == 12 && now.getHours('+02:00') == 14
now.getHours('-12:30') == 23 && now.getMinutes('-12:30') == 30 && now.getDate('-12:30') == 20
duration('90m').getMinutes() == 90 && duration('90m').getHours() == 1 && duration('1.5s').getMilliseconds() == 500
timestamp('2026-01-01T00:00:00.123456789Z').getMilliseconds() == 123
type(1) == int && type('a') == string && type(1u) == uint && type(int) == type && type([]) == list && type({}) == map
type(now) != type(duration('1s')) && type(null) == null_type
dyn(1) == 1 && dyn([1, 'a'])[1] == 'a'
1 == 1 // what follows is a comment
"""

FAULTS = {
    "1 / 0 == 1": "division by zero",
    "1 % 0 == 1": "division by zero",
    "9223372036854775807 + 1 > 0": "64 bits",
    "-(-9223372036854775808) > 0": "64 bits",
    "0u - 1u == 0u": "64 bits",
    "9223372036854775808 > 0": "64 bits",
    "1e400 > 0.0": "double",
    "1 + 1.0 == 2.0": "+ does not take int and double",
    "1 + 'a' == 'a'": "+ does not take int and string",
    "'a' < 1": "cannot be put in order",
    "null < 1": "cannot be put in order",
    "!1": "! does not take int",
    "1 && true": "&& does not take int",
    "one.missing == 1": "no field 'missing'",
    "one.none.x == 1": "null_type has no field",
    "several.x == 1": "list has no field",
    "nobody == 1": "no variable 'nobody'",
    "several[3] == 1": "no member",
    "several[-1] == 1": "no member",
    "several['a'] == 1": "cannot be indexed",
    "{'a': 1}['b'] == 1": "no such key",
    "{'a': 1, 'a': 2} == {}": "written twice",
    "{1.5: 1} == {}": "cannot be the key",
    "1.all(e, true)": "all does not take int",
    "[1].exists_one(e, 1 / 0 == 1)": "division by zero",
    "[0, 1].all(e, 1 / e == 1)": "division by zero",
    "int('x') == 1": "not a whole number",
    "int(1e30) == 1": "64 bits",
    "uint(-1) == 1u": "64 bits",
    "double('x') == 1.0": "not a number",
    "string([]) == ''": "string does not take list",
    "string(b'\\xff') == ''": "not UTF-8",
    "timestamp('yesterday') == now": "not a time",
    "timestamp('2026-02-30T00:00:00Z') == now": "not a time that exists",
    "timestamp('9999-12-31T23:59:59Z') + duration('1s') > now": "between the years",
    "now - duration('999999999999s') < now": "ten thousand years",
    "duration('1d') > duration('1s')": "not a duration",
    "now.getHours('Europe/Berlin') == 13": "names of time zones",
    "'a'.matches('(a') ": "not closed",
    "'a'.matches('(?=a)')": "look-around",
    "'a'.matches('(a)\\\\1')": "not understood",
    "'a'.contains(1)": "contains does not take",
    "'a'.size(1) == 1": "size is called as",
    "nothing(1) == 1": "no function 'nothing'",
    "startsWith('a', 'a')": "is called as x.startsWith(…)",
    "1.5 % 1.0 == 0.5": "% does not take double",
    # what cannot be read at all
    "": "'the end' stands where a value should",
    "1 +": "'the end' stands where a value should",
    "1 2": "'2' stands where the expression should end",
    "(1": "'the end' stands where ')' should",
    "[1, 2": "stands where",
    "'a": "does not end",
    "'\\q'": "not an escape",
    "'\\ud800'": "not a character",
    "a.b.": "name of a field",
    "has(one)": "has takes one field",
    "several.all(1, true)": "a name that you choose",
    "several.all(e)": "all takes a name",
    "Message{a: 1}": "objects of a type cannot be made",
    "for == 1": "reserved word",
    "1x": "is not a number",
    "a ?: b": "stands where",
    "1 = 1": "has no meaning",
    "`a`": "has no meaning",
}


@pytest.mark.parametrize("text", TRUE.strip().splitlines())
def test_it_is_true(text: str) -> None:
    assert evaluate(parse(text), SCOPE).value is True


@pytest.mark.parametrize("text", FAULTS)
def test_it_has_no_value_and_says_why(text: str) -> None:
    with pytest.raises(Faulty) as caught:
        evaluate(parse(text), SCOPE)
    assert FAULTS[text] in caught.value.message
    assert 0 <= caught.value.at <= len(text), "a fault has its place"


def test_a_place_is_told_as_people_count() -> None:
    text = "true &&\n  nobody"
    with pytest.raises(Faulty) as caught:
        evaluate(parse(text), SCOPE)
    assert place(text, caught.value.at) == "line 2, column 3"
