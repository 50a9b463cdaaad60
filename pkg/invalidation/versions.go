package invalidation

// versions remembers the newest version that was handled of the resources heard
// of lately. What it forgets may be handled twice, never out of order by more
// than the stream itself was.
type versions struct {
	limit       int
	young, aged map[string]int64
}

func newVersions(limit int) *versions {
	return &versions{limit: limit, young: map[string]int64{}}
}

func (v *versions) of(subject string) int64 {
	if version, ok := v.young[subject]; ok {
		return version
	}
	return v.aged[subject]
}

// handled keeps between limit and twice limit of the latest subjects.
func (v *versions) handled(subject string, version int64) {
	if len(v.young) >= v.limit {
		v.young, v.aged = map[string]int64{}, v.young
	}
	v.young[subject] = version
}
