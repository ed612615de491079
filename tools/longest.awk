# longest.awk - the ten longest functions, as LINES NAME FILE:LINE
FNR == 1 { start = 0; name = "" }
/^[a-z_][A-Za-z0-9_]*\(/ { name = $0; sub(/\(.*/, "", name); at = FNR }
/^\{/ && name != "" { start = FNR }
/^\}/ && start {
	n = FNR - start + 1
	total++
	all[total] = n
	printf "%d %s %s:%d\n", n, name, FILENAME, at | "sort -rn | head -10"
	start = 0
	name = ""
}
END { close("sort -rn | head -10") }
