package common

import "strings"

// rows are what fingers find without a thought: the keys of common layouts along,
// across and in pairs, the digits and the letters.
func rows() []string {
	return []string{
		"abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "!@#$%^&*()_+", "!\"§$%&/()=",
		"qwertyuiop[]asdfghjkl;'zxcvbnm,./", "qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn",
		"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/", "qazwsxedcrfvtgbyhnujmikolp", "1q2w3e4r5t6y7u8i9o0p",
		"q1w2e3r4t5y6u7i8o9p0", "147258369", "741852963", "159753", "a1b2c3d4e5f6g7h8i9", "1a2b3c4d5e6f7g8h9i",
		"1234qwerasdfzxcv", "123qweasdzxc", "qwe123asd456zxc789", "qwertyasdfghzxcvbn", "qwer1234asdf5678",
	}
}

// inRow tells whether s is a part of a row, or of one backwards, or a short one
// and more of the same: at least what a minimal password has.
func inRow(s string) bool {
	if len(s) < minWord {
		return false
	}
	back := reverse(s)
	for _, row := range rows() {
		if strings.Contains(row, s) || strings.Contains(row, back) {
			return true
		}
	}
	return false
}

func reverse(s string) string {
	runes := []rune(s)
	for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
		runes[i], runes[j] = runes[j], runes[i]
	}
	return string(runes)
}

// period gives the shortest text that s is a repetition of, and how often it is
// repeated.
func period(s string) (unit string, times int) {
	if s == "" {
		return s, 1
	}
	at := strings.Index((s + s)[1:], s) + 1
	return s[:at], len(s) / at
}

// unleet reads digits and signs as the letters that they look like. One is an i or
// an l.
func unleet(s, one string) string {
	return strings.NewReplacer(
		"4", "a", "@", "a", "8", "b", "3", "e", "6", "g", "9", "g", "1", one, "!", "i", "|", "l", "0", "o", "$", "s", "5", "s", "7", "t", "+", "t", "2", "z",
	).Replace(s)
}
