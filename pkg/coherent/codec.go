package coherent

import "fmt"

// codec names, in one byte, the format of bodies. Two releases of a service that
// run side by side may have different ones; each reads its own and leaves the
// other's alone. What stands before a body is the same in all of them: 'V', the
// codec, the version as 19 decimal digits. Digits of one width let the scripts
// compare versions as text, without a loss of precision; letters among them would
// not, since Lua compares by the server's locale, and Czech has them before digits.
type codec byte

const (
	valueMark  = 'V'
	leaseMark  = 'L' // and the lease's token
	headerSize = 2 + 19
)

func encodeVersion(v int64) string { return fmt.Sprintf("%019d", v) }

func (k codec) encode(e Entry) []byte {
	out := make([]byte, 0, headerSize+len(e.Body))
	out = append(out, valueMark, byte(k))
	out = append(out, encodeVersion(e.Version)...)
	return append(out, e.Body...)
}

// decode shares the memory of stored. It reports false for a lease, and for a
// value in another codec.
func (k codec) decode(stored []byte) (Entry, bool) {
	if len(stored) < headerSize || stored[0] != valueMark || stored[1] != byte(k) {
		return Entry{}, false
	}
	var version int64
	for _, digit := range stored[2:headerSize] {
		if digit < '0' || digit > '9' {
			return Entry{}, false
		}
		version = version*10 + int64(digit-'0') // negative if it is too much
	}
	return Entry{Version: version, Body: stored[headerSize:]}, version > 0
}

// The stored form of a list: 'N', the generation it was read under, the body.
// Its codec is part of its key.
const (
	listMark       = 'N'
	generationSize = 26
	listHeader     = 1 + generationSize
)

func encodeList(generation string, body []byte) []byte {
	out := make([]byte, 0, listHeader+len(body))
	out = append(out, listMark)
	out = append(out, generation...)
	return append(out, body...)
}

// generationOf reads what a scope's cell holds; nothing if there is none.
func generationOf(stored string) string {
	if len(stored) != 1+generationSize || stored[0] != leaseMark {
		return ""
	}
	return stored[1:]
}

// decodeList reports false unless the list was stored under that generation.
func decodeList(stored, generation string) ([]byte, bool) {
	if generation == "" || len(stored) < listHeader || stored[0] != listMark || stored[1:listHeader] != generation {
		return nil, false
	}
	return []byte(stored[listHeader:]), true
}
