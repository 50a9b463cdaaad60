package chaos

import (
	"errors"
	"testing"

	"github.com/anishathalye/porcupine"
)

// itemsHold judges a history in which nothing is concurrent unless it says so.
func itemsHold(ops []itemOp, committed map[int64]bool, gone bool) bool {
	var history []porcupine.Operation
	for _, op := range settle(ops, committed, gone) {
		history = append(history, op.operation())
	}
	return porcupine.CheckOperations(itemModel(), history)
}

func versions(last int64) map[int64]bool {
	m := map[int64]bool{}
	for v := int64(1); v <= last; v++ {
		m[v] = true
	}
	return m
}

func at(begin int64) span { return span{begin, begin + 5} }

func TestItems(t *testing.T) {
	t.Parallel()
	made := itemOp{span: at(0), kind: create, verdict: done, value: "a"}
	wrote := func(begin, version int64, value string) itemOp {
		return itemOp{span: at(begin), kind: put, verdict: done, value: value, version: version}
	}
	lost := func(begin int64, value string) itemOp {
		return itemOp{span: at(begin), kind: put, value: value}
	}
	saw := func(begin, version int64, value string) itemOp {
		return itemOp{span: at(begin), kind: read, verdict: done, value: value, version: version}
	}
	none := func(begin int64) itemOp { return itemOp{span: at(begin), kind: read, verdict: absent} }
	for name, c := range map[string]struct {
		ops  []itemOp
		last int64
		gone bool
		want bool
	}{
		"in order":                      {[]itemOp{made, saw(10, 1, "a"), wrote(20, 2, "b"), saw(30, 2, "b")}, 2, false, true},
		"stale after a write":           {[]itemOp{made, wrote(10, 2, "b"), saw(20, 1, "a")}, 2, false, false},
		"stale after a read":            {[]itemOp{made, {span: span{10, 90}, kind: put, verdict: done, value: "b", version: 2}, saw(20, 2, "b"), saw(30, 1, "a")}, 2, false, false},
		"either during a write":         {[]itemOp{made, {span: span{10, 90}, kind: put, verdict: done, value: "b", version: 2}, saw(20, 1, "a"), saw(30, 2, "b")}, 2, false, true},
		"the lost one had no effect":    {[]itemOp{made, lost(10, "b"), saw(20, 1, "a")}, 1, false, true},
		"the lost one came later":       {[]itemOp{made, lost(10, "b"), saw(20, 1, "a"), saw(30, 2, "b")}, 2, false, true},
		"the lost one came and went":    {[]itemOp{made, lost(10, "b"), saw(20, 2, "b"), saw(30, 1, "a")}, 2, false, false},
		"the lost one nobody saw":       {[]itemOp{made, lost(10, "b"), saw(20, 1, "a"), wrote(30, 3, "c"), saw(40, 3, "c")}, 3, false, true},
		"the lost one came twice":       {[]itemOp{made, lost(10, "b"), wrote(30, 4, "c")}, 4, false, false},
		"two lost ones nobody saw":      {[]itemOp{made, lost(10, "b"), lost(10, "d"), wrote(30, 4, "c")}, 4, false, true},
		"a lost one came too early":     {[]itemOp{made, lost(10, "b"), wrote(20, 4, "c"), lost(50, "d")}, 4, false, false},
		"a version that nobody wrote":   {[]itemOp{made, wrote(10, 3, "b")}, 3, false, false},
		"two writers of one version":    {[]itemOp{made, wrote(10, 2, "b"), wrote(20, 2, "c")}, 2, false, false},
		"a mixture of two versions":     {[]itemOp{made, wrote(10, 2, "b"), saw(20, 2, "a")}, 2, false, false},
		"gone":                          {[]itemOp{made, {span: at(10), kind: remove, verdict: done}, none(20)}, 2, true, true},
		"back from the dead":            {[]itemOp{made, {span: at(10), kind: remove, verdict: done}, none(20), saw(30, 1, "a")}, 2, true, false},
		"gone too early":                {[]itemOp{made, none(10), saw(20, 1, "a")}, 1, false, false},
		"the lost one was the deletion": {[]itemOp{made, {span: at(10), kind: remove}, saw(20, 1, "a"), none(30)}, 2, true, true},
		"refused rightly":               {[]itemOp{made, wrote(10, 2, "b"), {span: at(20), kind: put, verdict: refused, match: 1, value: "c"}}, 2, false, true},
		"refused wrongly":               {[]itemOp{made, {span: at(20), kind: put, verdict: refused, match: 1, value: "c"}}, 1, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := itemsHold(c.ops, versions(c.last), c.gone); got != c.want {
				t.Errorf("holds: %v, want %v", got, c.want)
			}
		})
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	comes := func(begin int64, v verdict, name string) memberOp {
		return memberOp{span: at(begin), kind: create, verdict: v, name: name}
	}
	goes := func(begin int64, v verdict, name string) memberOp {
		return memberOp{span: at(begin), kind: remove, verdict: v, name: name}
	}
	lists := func(begin int64, names string) memberOp {
		return memberOp{span: at(begin), kind: read, verdict: done, names: names}
	}
	for name, c := range map[string]struct {
		ops  []memberOp
		left []string
		want bool
	}{
		"in order":                 {[]memberOp{comes(0, done, "m2"), comes(10, done, "m1"), lists(20, "m1 m2 "), goes(30, done, "m2"), lists(40, "m1 ")}, []string{"m1"}, true},
		"one is missing":           {[]memberOp{comes(0, done, "m1"), lists(10, "")}, []string{"m1"}, false},
		"one is left":              {[]memberOp{comes(0, done, "m1"), goes(10, done, "m1"), lists(20, "m1 ")}, nil, false},
		"a lost one appears":       {[]memberOp{comes(0, unknown, "m1"), lists(10, ""), lists(20, "m1 ")}, []string{"m1"}, true},
		"a lost one disappears":    {[]memberOp{comes(0, unknown, "m1"), lists(10, "m1 "), lists(20, "")}, []string{"m1"}, false},
		"a lost one never was":     {[]memberOp{comes(0, unknown, "m1"), lists(10, "")}, nil, true},
		"a lost deletion":          {[]memberOp{comes(0, done, "m1"), goes(10, unknown, "m1"), lists(20, "m1 "), lists(30, "")}, nil, true},
		"a lost deletion undone":   {[]memberOp{comes(0, done, "m1"), goes(10, unknown, "m1"), lists(20, ""), lists(30, "m1 ")}, nil, false},
		"a deletion that was none": {[]memberOp{comes(0, done, "m1"), goes(10, unknown, "m1"), lists(20, "m1 ")}, []string{"m1"}, true},
		"names that begin alike":   {[]memberOp{comes(0, done, "m1"), comes(10, done, "m11"), goes(20, done, "m1"), lists(30, "m11 ")}, []string{"m11"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left := map[string]bool{}
			for _, name := range c.left {
				left[name] = true
			}
			var history []porcupine.Operation
			for _, op := range settleMembers(c.ops, left) {
				history = append(history, op.operation())
			}
			if got := porcupine.CheckOperations(memberModel(), history); got != c.want {
				t.Errorf("holds: %v, want %v", got, c.want)
			}
		})
	}
}

func TestEventsAreAccountedFor(t *testing.T) {
	t.Parallel()
	s := &subscriber{heard: map[string][]int64{"a": {1, 2, 2, 4, 3}, "b": {1}}}
	missing, disordered := s.account(map[string]map[int64]bool{"a": versions(5), "b": versions(1), "c": versions(1)})
	if missing != 2 || disordered != 1 {
		t.Errorf("%d missing, %d out of order; want 2 and 1", missing, disordered)
	}
}

// The histories that are too much to judge are those that break the law, as much as
// any: whoever looks for an order that there is not looks at them all.
func TestWhatCannotBeJudgedIsNotLetPass(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		f    Findings
		want error
	}{
		{Findings{}, nil},
		{Findings{Slow: []string{"an event"}}, nil},
		{Findings{Undecided: []string{"item"}}, ErrUndecided},
		{Findings{Undecided: []string{"item"}, Items: []string{"item"}}, ErrViolated},
	} {
		if got := c.f.Verdict(); !errors.Is(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.f, got, c.want)
		}
	}
}
