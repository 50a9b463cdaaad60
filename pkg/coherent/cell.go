package coherent

import "strconv"

// Cell names one cached thing, the same in every process: a path such as
// "resources/<tenant>/<id>". It becomes the hash tag of its keys.
type Cell string

func (c Cell) key(epoch int64, part string) string {
	return "cache:" + strconv.FormatInt(epoch, 10) + ":{" + string(c) + "}:" + part
}
