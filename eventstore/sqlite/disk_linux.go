package sqlite

import "syscall"

// networks are the magic numbers of statfs(2) for file systems of other machines.
var networks = map[uint32]string{
	0x6969: "nfs", 0x517b: "smb", 0xfe534d42: "smb2", 0xff534d42: "cifs", 0x5346414f: "afs", 0x00c36400: "ceph", 0x0bd00bd0: "lustre",
}

// diskOf asks about the file system that path is on.
func diskOf(path string) (disk, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return disk{}, err
	}
	return disk{free: int64(fs.Bavail) * int64(fs.Bsize), network: networks[uint32(fs.Type)]}, nil
}
