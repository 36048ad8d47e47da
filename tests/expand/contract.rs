contract! {
    /// What every order promises.
    pub order(patience: Duration) {
        domain orders {
            /// Goods are set aside.
            reserve within 5s;
            finally close within (patience);
        }
    }
}
