package coherent

import (
	"fmt"
	"strconv"
)

// Cell names one cached thing, the same in every process: a path such as
// "resources/<tenant>/<id>". It becomes the hash tag of its keys.
type Cell string

func (c Cell) key(epoch int64, part string) string {
	return "cache:" + strconv.FormatInt(epoch, 10) + ":{" + string(c) + "}:" + part
}

// The stored form of a value: 'V', a byte that names the body's codec, the
// version as 16 hexadecimal digits, the body. Digits of one width let the
// scripts compare versions as text, without a loss of precision.
const (
	valueMark  = 'V'
	codecJSON  = '1'
	headerSize = 2 + 16
)

func encodeVersion(v int64) string { return fmt.Sprintf("%016x", v) }

func encode(e Entry) []byte {
	out := make([]byte, 0, headerSize+len(e.Body))
	out = append(out, valueMark, codecJSON)
	out = append(out, encodeVersion(e.Version)...)
	return append(out, e.Body...)
}

// decode shares the memory of stored. It reports false for a lease, and for a
// value in a codec of another release, which is read from the database instead.
func decode(stored []byte) (Entry, bool) {
	if len(stored) < headerSize || stored[0] != valueMark || stored[1] != codecJSON {
		return Entry{}, false
	}
	var version int64
	for _, digit := range stored[2:headerSize] {
		n, ok := fromHex(digit)
		if !ok {
			return Entry{}, false
		}
		version = version<<4 | n
	}
	return Entry{Version: version, Body: stored[headerSize:]}, version > 0
}

func fromHex(digit byte) (int64, bool) {
	switch {
	case '0' <= digit && digit <= '9':
		return int64(digit - '0'), true
	case 'a' <= digit && digit <= 'f':
		return int64(digit-'a') + 10, true
	default:
		return 0, false
	}
}
